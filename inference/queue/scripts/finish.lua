-- Publish a job's reply, keep it, acknowledge and delete its entry, and stop counting it: all at once.
-- Only the entry that the record names gets a reply, so that a job that ran twice is answered once.
-- ARGV: id ('': garbage), stream, entry, reply, now, life of what is kept in ms, MINID for the dead letters,
--       fields and values for the dead letter (none: it is no dead letter)...
-- Returns 1 when this was the job's reply, else 0.
local id, stream, entry, reply, now, life = unpack(ARGV, 1, 6)
remove(stream, entry)
local known, asker, reply_to, scope = unpack(redis.call('HMGET', JOB .. id, 'entry', 'asker', 'reply_to', 'scope'))
if known ~= entry then return 0 end
uncount(id, asker)
answer(id, scope, reply_to, reply, life)
if #ARGV > 7 then
  redis.call('XADD', DEAD, 'MINID', ARGV[7], '*', unpack(ARGV, 8))
else
  redis.call('LPUSH', RECENT, now)
  redis.call('LTRIM', RECENT, 0, 63)
end
return 1
