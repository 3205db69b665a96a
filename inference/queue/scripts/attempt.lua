-- Count an attempt that a job makes alone.
-- ARGV: id, entry
-- Returns how many it has made with this one; 0 where nobody wants it any more.
if redis.call('HGET', JOB .. ARGV[1], 'entry') ~= ARGV[2] then return 0 end
return redis.call('HINCRBY', JOB .. ARGV[1], 'attempts', 1)
