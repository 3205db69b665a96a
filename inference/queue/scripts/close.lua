-- Close jobs: withdraw those that no worker has claimed; delete kept results, and the records of claimed jobs, whose
-- replies are then dropped.
-- ARGV: ids...
-- Returns 1.
for _, id in ipairs(ARGV) do
  local scope, asker = unpack(redis.call('HMGET', JOB .. id, 'scope', 'asker'))
  if not withdraw(id) and scope then
    if asker then uncount(id, asker) end
    redis.call('DEL', RESULT .. scope .. ':' .. id, JOB .. id)
  end
end
return 1
