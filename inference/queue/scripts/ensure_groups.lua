-- Create the group on every stream, and delete consumers that are long gone and have nothing pending.
-- ARGV: streams...
-- Returns 1.
for _, stream in ipairs(ARGV) do
  ensure_group(stream)
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, GROUP)) do
    local facts = {}
    for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
    if facts['pending'] == 0 and facts['idle'] > 3600 * 1000 then
      redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, facts['name'])
    end
  end
end
return 1
