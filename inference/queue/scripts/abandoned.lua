-- Is there an entry whose worker has been silent for so long that another may claim it?
-- ARGV: idle ms, streams...
for i = 2, #ARGV do
  local pending = redis.pcall('XPENDING', ARGV[i], GROUP, 'IDLE', ARGV[1], '-', '+', 1)
  if not pending.err and #pending > 0 then return 1 end
end
return 0
