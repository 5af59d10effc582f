-- Ids of streams, which go before each script that gives some.
local function parts(id)
  local ms, n = string.match(id or '', '^(%d+)%-(%d+)')
  return tonumber(ms or 0), tonumber(n or 0)
end
local function below(a, b)
  local ams, an = parts(a)
  local bms, bn = parts(b)
  return ams < bms or (ams == bms and an < bn)
end
local function named(about, name)
  for i = 1, #about, 2 do
    if about[i] == name then return about[i + 1] end
  end
end
-- Which life of the server this is; nothing if it does not tell.
local function life()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)')
end
-- No id above it can be told from its neighbours: numbers here have no more digits.
local LIMIT = 9007199254740992
-- Where the ids of a batch begin: not before a time, and above each id that it is told.
local function rising(ms)
  local first = {ms = ms, n = 0, highest = '0-0'}
  function first.above(id)
    local ims, inn = parts(id)
    if ims > first.ms or (ims == first.ms and inn >= first.n) then
      first.ms, first.n, first.highest = ims, inn + 1, id
    end
  end
  function first.id() return string.format('%.0f-%.0f', first.ms, first.n) end
  return first
end
