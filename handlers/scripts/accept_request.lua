-- Store an open request, unless it is open or closed already. Idempotent.
-- KEYS: hash of the open requests, sorted set of the closed ones
-- ARGV: request id, request as JSON
-- Returns 'new' | 'open' | 'closed': its state before.
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 'closed' end
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 then return 'new' end
return 'open'
