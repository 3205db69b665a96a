-- Count the jobs before this one in its task's streams.
-- ARGV: id, the task's waiting stream, its unasked stream
-- Returns the number; false where a worker has claimed it, or it is no longer open.
local stream, entry = unpack(redis.call('HMGET', JOB .. ARGV[1], 'stream', 'entry'))
if not entry then return false end
local last = delivered(stream) or '0-0'
if not before(last, entry) then return false end
local ahead = #redis.call('XRANGE', stream, '(' .. last, '(' .. entry)
if stream == ARGV[3] then
  ahead = ahead + #redis.call('XRANGE', ARGV[2], '(' .. (delivered(ARGV[2]) or '0-0'), '+')
end
return ahead
