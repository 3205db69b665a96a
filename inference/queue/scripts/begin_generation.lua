-- Count that a worker begins to generate a job's text.
-- ARGV: id, entry
-- Returns {number of attempts before, 1 where the job was cancelled meanwhile else 0}; false where it was closed.
local record = JOB .. ARGV[1]
local known, stop = unpack(redis.call('HMGET', record, 'entry', 'stop'))
if known ~= ARGV[2] then return false end
return {redis.call('HINCRBY', record, 'begun', 1) - 1, stop and 1 or 0}
