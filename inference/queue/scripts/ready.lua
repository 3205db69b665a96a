-- Does a live worker serve each of the tasks?
-- ARGV: tasks...
local now = seconds()
for _, task in ipairs(ARGV) do
  if redis.call('ZCOUNT', WORKERS .. task, '(' .. now, '+inf') == 0 then return 0 end
end
return 1
