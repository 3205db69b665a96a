-- Close jobs. 'expired': withdraw those that no worker has claimed. 'closed': also delete kept results, and the records
-- of claimed jobs, whose replies are then dropped.
-- ARGV: 'expired' | 'closed', ids...
-- Returns 1.
for i = 2, #ARGV do
  local id = ARGV[i]
  local scope, asker = unpack(redis.call('HMGET', JOB .. id, 'scope', 'asker'))
  if not withdraw(id) and ARGV[1] == 'closed' and scope then
    if asker then uncount(id, asker) end
    redis.call('DEL', RESULT .. scope .. ':' .. id, JOB .. id)
  end
end
return 1
