-- Forget jobs. 'expired': take back those that still wait. 'closed': forget kept results as well, and let the
-- reply of one that a worker has in hand come to nothing.
-- ARGV: 'expired' | 'closed', ids...
for i = 2, #ARGV do
  local id = ARGV[i]
  local scope, asker = unpack(redis.call('HMGET', JOB .. id, 'scope', 'asker'))
  if not withdraw(id) and ARGV[1] == 'closed' and scope then
    if asker then uncount(id, asker) end
    redis.call('DEL', RESULT .. scope .. ':' .. id, JOB .. id)
  end
end
return 1
