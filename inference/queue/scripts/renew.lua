-- Say that we still work at entries, those that are still ours.
-- ARGV: consumer, then stream and entry of each
-- Returns 1 for each that is ours, 0 for each that another took over.
local name, ours = ARGV[1], {}
for i = 2, #ARGV, 2 do
  local mine = taken(ARGV[i], ARGV[i + 1], name)
  if mine then redis.call('XCLAIM', ARGV[i], GROUP, name, 0, ARGV[i + 1], 'JUSTID') end
  ours[#ours + 1] = mine and 1 or 0
end
return ours
