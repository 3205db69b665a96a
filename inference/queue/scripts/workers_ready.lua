-- Check that a live worker serves each of the tasks.
-- ARGV: tasks...
-- Returns 1 where there is one for each, else 0.
local now = seconds()
for _, task in ipairs(ARGV) do
  if redis.call('ZCOUNT', WORKERS .. task, '(' .. now, '+inf') == 0 then return 0 end
end
return 1
