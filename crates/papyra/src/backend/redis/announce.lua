-- Announces which ids the next batches get, before any gets them; and, first thing in a new life of the server, buries
-- whatever its last life may have left of a batch (docs/decisions/0036).
--
-- KEYS  state, the streams of the lane
-- ARGV  how many lines a batch may have, 1 if the connection is new
local state = KEYS[1]
local known = redis.call('HMGET', state, 'run', 'tick', 'room', 'last')
local run, tick, room, now = known[1], tonumber(known[2]), tonumber(known[3] or 0), life()

-- All ids that a batch can have got which nobody was told of.
local function bury()
  local tops, firsts = {}, {}
  local ms, n = parts(known[4])
  n = n + 1
  if ms < tick then ms, n = tick, 0 end
  firsts[1] = {ms, n}
  for i = 2, #KEYS do
    local about = redis.call('EXISTS', KEYS[i]) == 1 and redis.call('XINFO', 'STREAM', KEYS[i])
    tops[i] = about
    if about then
      local top = named(about, 'last-generated-id')
      local tms, tn = parts(top)
      if not below(top, string.format('%.0f-%.0f', ms, n)) then firsts[#firsts + 1] = {tms, tn + 1} end
    end
  end
  local ems, en = ms, n
  for _, first in ipairs(firsts) do
    local last = first[2] + room
    if first[1] >= LIMIT or last + room >= LIMIT then return end
    if first[1] > ems or (first[1] == ems and last > en) then ems, en = first[1], last end
  end
  for i = 2, #KEYS do
    local about, grave = tops[i], en
    local top = about and named(about, 'last-generated-id') or '0-0'
    local ids = {}
    for _, first in ipairs(firsts) do
      for at = first[2], first[2] + room - 1 do
        local id = string.format('%.0f-%.0f', first[1], at)
        -- Nothing that is in the stream is touched.
        if below(top, id) then ids[#ids + 1] = id end
      end
    end
    if not about then
      redis.call('XADD', KEYS[i], string.format('%.0f-%.0f', ems, grave), 'data', '')
      redis.call('DEL', KEYS[i])
    else
      -- Redis writes a deletion down only if it deletes something: so each has an entry of its own.
      for at = 1, #ids, 4000 do
        local id = string.format('%.0f-%.0f', ems, grave)
        redis.call('XADD', KEYS[i], id, 'data', '')
        redis.call('XDEL', KEYS[i], id, unpack(ids, at, math.min(at + 3999, #ids)))
        top, grave = id, grave + 1
      end
      local added, deleted = named(about, 'entries-added'), named(about, 'max-deleted-entry-id')
      if added and #ids > 0 then
        -- Since 7.0 entries are counted: these never were any.
        if deleted == '0-0' then deleted = '0-1' end
        redis.pcall('XSETID', KEYS[i], top, 'ENTRIESADDED', added, 'MAXDELETEDID', deleted)
      end
    end
  end
end

local new = now and now ~= run or not now and ARGV[2] == '1'
if new and tick then bury() end
local clock = redis.call('TIME')
local changes = {'tick', string.format('%.0f', tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000))}
-- Behind a burial only what is announced from now on matters.
if new or tonumber(ARGV[1]) > room then
  changes[#changes + 1] = 'room'
  changes[#changes + 1] = ARGV[1]
end
if now and now ~= run then
  changes[#changes + 1] = 'run'
  changes[#changes + 1] = now
end
-- One command, so that it is there whole or not at all.
redis.call('HSET', state, unpack(changes))
return 1
