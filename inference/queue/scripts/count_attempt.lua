-- Count an isolated attempt of a job.
-- ARGV: id, entry
-- Returns the number of attempts, this one included; 0 where the job was closed.
if redis.call('HGET', JOB .. ARGV[1], 'entry') ~= ARGV[2] then return 0 end
return redis.call('HINCRBY', JOB .. ARGV[1], 'attempts', 1)
