-- Deliver new entries, the oldest first, whatever their task; the first half of the streams before the second.
-- ARGV: consumer, most jobs, streams...
-- Returns {{stream, entry, payload, seconds by which its deadline has moved}...}, {last delivered id of each stream...}
local name, left = ARGV[1], tonumber(ARGV[2])
local half = (#ARGV - 2) / 2
local out, last = {}, {}

local function tier(first, final)
  local waiting, share = {}, {}
  for i = first, final do
    local stream = ARGV[i]
    last[stream] = ensure_group(stream)
    for _, entry in ipairs(redis.call('XRANGE', stream, '(' .. last[stream], '+', 'COUNT', left)) do
      waiting[#waiting + 1] = {entry[1], stream}
    end
  end
  table.sort(waiting, function(a, b)
    if a[1] == b[1] then return a[2] < b[2] end
    return before(a[1], b[1])
  end)
  for i = 1, math.min(left, #waiting) do
    share[waiting[i][2]] = (share[waiting[i][2]] or 0) + 1
  end
  local order = {}
  for i = first, final do
    local stream = ARGV[i]
    if share[stream] then
      local read = redis.call('XREADGROUP', 'GROUP', GROUP, name, 'COUNT', share[stream], 'STREAMS', stream, '>')
      for _, entry in ipairs(read and read[1][2] or {}) do
        order[#order + 1] = {stream, entry[1], payload(entry), extension(entry)}
      end
    end
  end
  table.sort(order, function(a, b)
    if a[2] == b[2] then return a[1] < b[1] end
    return before(a[2], b[2])
  end)
  for _, each in ipairs(order) do out[#out + 1] = each end
  left = left - #order
end

tier(3, 2 + half)
if left > 0 then
  tier(3 + half, #ARGV)
else
  for i = 3 + half, #ARGV do last[ARGV[i]] = ensure_group(ARGV[i]) end
end
local marks = {}
for i = 3, #ARGV do marks[#marks + 1] = last[ARGV[i]] end
return {out, marks}
