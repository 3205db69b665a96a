-- Claim one entry of a consumer that has been idle for too long.
-- XAUTOCLAIM of 6.2 answers nil for deleted entries and leaves them pending, without their ids; so this reads the
-- pending ones and acknowledges those that no longer exist.
-- ARGV: consumer, idle ms, streams...
-- Returns {stream, entry, payload, seconds by which its deadline has moved}; false where there is none.
local name, idle = ARGV[1], ARGV[2]
for i = 3, #ARGV do
  local stream = ARGV[i]
  local pending = redis.pcall('XPENDING', stream, GROUP, 'IDLE', idle, '-', '+', 100)
  if not pending.err then
    for _, each in ipairs(pending) do
      local entry = redis.call('XRANGE', stream, each[1], each[1])[1]
      if entry then
        redis.call('XCLAIM', stream, GROUP, name, idle, each[1], 'JUSTID')
        return {stream, each[1], payload(entry), extension(entry)}
      end
      redis.call('XACK', stream, GROUP, each[1])
    end
  end
end
return false
