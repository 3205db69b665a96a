-- Publish a piece of a text that is still being generated.
-- ARGV: id, delta, retention in ms
-- Returns 1; 0 where the job was closed.
local reply_to = redis.call('HGET', JOB .. ARGV[1], 'reply_to')
if not reply_to then return 0 end
redis.call('XADD', REPLIES .. reply_to, 'MAXLEN', '~', 10000, '*', 'reply', ARGV[2])
redis.call('PEXPIRE', REPLIES .. reply_to, ARGV[3])
return 1
