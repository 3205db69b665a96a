-- Take over one entry of a worker that fell silent.
-- XAUTOCLAIM of 6.2 answers nil for entries that were deleted and leaves them pending, without saying which; so
-- look at the pending ones and acknowledge those that are no longer there.
-- ARGV: consumer, idle ms, streams...
-- Returns {stream, entry, payload} | false
local name, idle = ARGV[1], ARGV[2]
for i = 3, #ARGV do
  local stream = ARGV[i]
  local pending = redis.pcall('XPENDING', stream, GROUP, 'IDLE', idle, '-', '+', 100)
  if not pending.err then
    for _, each in ipairs(pending) do
      local entry = redis.call('XRANGE', stream, each[1], each[1])[1]
      if entry then
        redis.call('XCLAIM', stream, GROUP, name, idle, each[1], 'JUSTID')
        return {stream, each[1], payload(entry)}
      end
      redis.call('XACK', stream, GROUP, each[1])
    end
  end
end
return false
