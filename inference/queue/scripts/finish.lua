-- Finish a job: publish and keep its reply, acknowledge and delete its entry, and count it as open no longer.
-- Only the entry that the record names gets a reply, so that a job that ran twice gets one reply.
-- ARGV: id ('': the entry is no job), stream, entry, reply, now, retention in ms, MINID for the dead letters,
--       fields and values of the dead letter (none: it is no dead letter)...
-- Returns 1 where this was the job's reply, else 0.
local id, stream, entry, reply, now, retention = unpack(ARGV, 1, 6)
remove(stream, entry)
local known, asker, reply_to, scope = unpack(redis.call('HMGET', JOB .. id, 'entry', 'asker', 'reply_to', 'scope'))
if known ~= entry then return 0 end
uncount(id, asker)
publish_reply(id, scope, reply_to, reply, retention)
if #ARGV > 7 then
  redis.call('XADD', DEAD, 'MINID', ARGV[7], '*', unpack(ARGV, 8))
else
  redis.call('LPUSH', RECENT, now)
  redis.call('LTRIM', RECENT, 0, 63)
end
return 1
