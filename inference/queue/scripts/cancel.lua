-- Cancel a conversation: an unclaimed one gets its reply at once; the worker that has claimed it, or will, is told.
-- ARGV: id, reply of an unclaimed one, retention in ms, the stream of cancellations
-- Returns 1 where there was one to cancel, else 0.
local id, reply, retention, cancellations = unpack(ARGV)
local stream, entry, scope, reply_to = unpack(redis.call('HMGET', JOB .. id, 'stream', 'entry', 'scope', 'reply_to'))
if not entry or not string.find(stream, ':converse:', 1, true) then return 0 end
if withdraw(id) then
  publish_reply(id, scope, reply_to, reply, retention)
  return 1
end
redis.call('HSET', JOB .. id, 'stop', '1')
redis.call('XADD', cancellations, 'MAXLEN', '~', 1000, '*', 'job', id)
redis.call('PEXPIRE', cancellations, retention)
return 1
