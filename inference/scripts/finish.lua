-- Publish a job's reply, keep it, acknowledge and delete its entry, and stop counting it: all at once.
-- Only the entry that the record names gets a reply, so that a job that ran twice is answered once.
-- ARGV: id ('': garbage), stream, entry, reply, now, life of what is kept in ms, MINID for the dead letters,
--       fields and values for the dead letter (none: it is no dead letter)...
-- Returns 1 when this was the job's reply, else 0.
local id, stream, entry, reply, now, life = unpack(ARGV, 1, 6)
remove(stream, entry)
local record = JOB .. id
local known, asker, reply_to, scope = unpack(redis.call('HMGET', record, 'entry', 'asker', 'reply_to', 'scope'))
if known ~= entry then return 0 end
uncount(id, asker)
redis.call('SET', RESULT .. scope .. ':' .. id, reply, 'PX', life)
redis.call('DEL', record)
redis.call('HSET', record, 'scope', scope)
redis.call('PEXPIRE', record, life)
-- A bot that never comes back leaves nothing for ever; one that does finds the result kept.
redis.call('XADD', REPLIES .. reply_to, 'MAXLEN', '~', 10000, '*', 'reply', reply)
redis.call('PEXPIRE', REPLIES .. reply_to, life)
if #ARGV > 7 then
  redis.call('XADD', DEAD, 'MINID', ARGV[7], '*', unpack(ARGV, 8))
else
  redis.call('LPUSH', RECENT, now)
  redis.call('LTRIM', RECENT, 0, 63)
end
return 1
