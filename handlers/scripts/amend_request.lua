-- Overwrite an open request; one that is not open is not stored. Idempotent.
-- KEYS: hash of the open requests
-- ARGV: request id, request as JSON
-- Returns nothing.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
