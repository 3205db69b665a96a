-- Claim one entry of a consumer that has been idle for too long, or is gone.
-- XAUTOCLAIM of 6.2 answers nil for deleted entries and leaves them pending, without their ids; so this reads the
-- pending ones and acknowledges those that no longer exist.
-- ARGV: consumer, then those of `look_arguments`
-- Returns {stream, entry, payload, seconds by which its deadline has moved}; false where there is none.
local name = ARGV[1]
local idle, lapse, dead, streams = look_arguments(2)
for _, stream in ipairs(streams) do
  for _, each in ipairs(abandoned(stream, idle, lapse, dead)) do
    local entry = redis.call('XRANGE', stream, each[1], each[1])[1]
    if entry then
      redis.call('XCLAIM', stream, GROUP, name, 0, each[1], 'JUSTID')
      return {stream, each[1], payload(entry), extension(entry)}
    end
    redis.call('XACK', stream, GROUP, each[1])
  end
end
return false
