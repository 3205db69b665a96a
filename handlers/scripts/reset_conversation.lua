-- Delete everything of a conversation but its subject. Idempotent.
-- KEYS: hash of the conversation
-- ARGV: none
-- Returns nothing.
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if field ~= 'subject' then redis.call('HDEL', KEYS[1], field) end
end
