-- Stop a conversation: one that waits is answered at once; the worker that has it in hand, or gets it, is told.
-- ARGV: id, reply of one that waits, life of what is kept in ms, the stream of stops
-- Returns 1 when there was something to stop, else 0.
local id, reply, life, stops = unpack(ARGV)
local stream, entry, scope, reply_to = unpack(redis.call('HMGET', JOB .. id, 'stream', 'entry', 'scope', 'reply_to'))
if not entry or not string.find(stream, ':converse:', 1, true) then return 0 end
if withdraw(id) then
  answer(id, scope, reply_to, reply, life)
  return 1
end
redis.call('HSET', JOB .. id, 'stop', '1')
redis.call('XADD', stops, 'MAXLEN', '~', 1000, '*', 'job', id)
redis.call('PEXPIRE', stops, life)
return 1
