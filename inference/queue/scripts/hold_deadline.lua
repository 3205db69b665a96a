-- Have a claimed job's deadline stand still.
-- ARGV: id, entry, now, lease in seconds
-- Returns the seconds by which it has moved in all.
if redis.call('HGET', JOB .. ARGV[1], 'entry') ~= ARGV[2] then return '0' end
hold_deadline(ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]))
return redis.call('HGET', JOB .. ARGV[1], 'extended') or '0'
