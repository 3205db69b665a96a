-- Withdraw a job whose submitter's deadline has passed, unless that has moved.
-- ARGV: id, now, deadline (as submitted)
-- Returns the seconds by which the deadline has moved, where it is still to come; false: it has passed.
local extended = redis.call('HGET', JOB .. ARGV[1], 'extended') or '0'
if ARGV[3] + extended > tonumber(ARGV[2]) then return extended end
withdraw(ARGV[1])
return false
