-- Renew a consumer's claims on entries; claims that it has lost stay lost.
-- ARGV: consumer, then stream and entry of each
-- Returns 1 for each that it still has, 0 for each that another has claimed.
local name, ours = ARGV[1], {}
for i = 2, #ARGV, 2 do
  local mine = claimed(ARGV[i], ARGV[i + 1], name)
  if mine then redis.call('XCLAIM', ARGV[i], GROUP, name, 0, ARGV[i + 1], 'JUSTID') end
  ours[#ours + 1] = mine and 1 or 0
end
return ours
