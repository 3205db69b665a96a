-- Count that a worker begins with a text.
-- ARGV: id, entry
-- Returns {how often somebody began before, 1 where it was stopped meanwhile else 0}; false where nobody wants it.
local record = JOB .. ARGV[1]
local known, stop = unpack(redis.call('HMGET', record, 'entry', 'stop'))
if known ~= ARGV[2] then return false end
return {redis.call('HINCRBY', record, 'begun', 1) - 1, stop and 1 or 0}
