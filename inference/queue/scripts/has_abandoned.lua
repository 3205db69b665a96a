-- Check for an entry whose consumer has been idle for so long that another may claim it.
-- ARGV: idle ms, streams...
-- Returns 1 where there is one, else 0.
for i = 2, #ARGV do
  local pending = redis.pcall('XPENDING', ARGV[i], GROUP, 'IDLE', ARGV[1], '-', '+', 1)
  if not pending.err and #pending > 0 then return 1 end
end
return 0
