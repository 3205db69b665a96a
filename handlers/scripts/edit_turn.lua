-- Replace a turn that has not changed since it was read, and delete the token count, which no longer holds.
-- A turn that was deleted meanwhile stays deleted.
-- KEYS: hash of the conversation
-- ARGV: field of the turn, its JSON as read, its new JSON
-- Returns 1 if it was replaced, else 0.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HDEL', KEYS[1], 'measured')
return 1
