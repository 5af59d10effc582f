-- What a batch leaves beside its entries.

-- By how much facts were at most ahead of their ids, where that is known.
local function keep_ahead(changes, ahead, latest, ms)
  if not ahead then return end
  local by = tonumber(latest) - ms / 1000
  if by > tonumber(ahead) then ahead = string.format('%.6f', by) end
  changes[#changes + 1] = 'ahead'
  changes[#changes + 1] = ahead
end
local function keep_mark(mark, seq, crc, id, seconds)
  local text = string.format('%.0f', seq) .. ' ' .. crc .. ' ' .. id
  if seconds == '0' then
    redis.call('SET', mark, text)
  else
    redis.call('SET', mark, text, 'EX', seconds)
  end
end
