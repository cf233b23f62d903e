#!lua name=fulfil

-- A bucket is three keys of one hash tag, always given in this order:
--   bucket  hash: epoch, loaded_to, complete
--   stock   list: the ids that are offered, next one first
--   claims  hash: claim id -> the ids it holds, joined by commas
-- Ids and epochs stay text here: a number of Lua is exact to 2^53 only.
-- Whoever changes what a function takes or gives raises VERSION, here and in library.rs; it is part of
-- the functions' names, so a worker never calls a function of another version.

local VERSION = '1'

-- Lua's stack bounds how many arguments one call can take (about 8,000).
local AT_ONCE = 4000

-- Ids in order, before all that is offered.
local function to_front(stock, ids)
  local last = #ids
  while last > 0 do
    local first = math.max(1, last - AT_ONCE + 1)
    -- LPUSH puts each argument before the one that came earlier.
    local reversed = {}
    for at = last, first, -1 do
      reversed[#reversed + 1] = ids[at]
    end
    redis.call('LPUSH', stock, unpack(reversed))
    last = first - 1
  end
end

-- args from `first` on: epoch, claim id, what goes back ('*' for all, else ids joined by commas); and so on.
local function settle_each(claims, stock, epoch, args, first)
  for at = first, #args, 3 do
    local claim, back = args[at + 1], args[at + 2]
    if args[at] == epoch then
      if back ~= '' then
        local named
        if back ~= '*' then
          named = {}
          for id in string.gmatch(back, '[^,]+') do
            named[id] = true
          end
        end
        local returned = {}
        for id in string.gmatch(redis.call('HGET', claims, claim) or '', '[^,]+') do
          if not named or named[id] then
            returned[#returned + 1] = id
          end
        end
        to_front(stock, returned)
      end
      redis.call('HDEL', claims, claim)
    end
  end
end

-- args: epoch, claim id, most, then settles. Gives the ids joined by commas, or the epoch in force as an
-- array of one, or an empty array where there is none.
local function claim(keys, args)
  local bucket, stock, claims = keys[1], keys[2], keys[3]
  local epoch = redis.call('HGET', bucket, 'epoch')
  settle_each(claims, stock, epoch, args, 4)
  if not epoch then
    return {}
  end
  if epoch ~= args[1] then
    return { epoch }
  end
  local held = redis.call('HGET', claims, args[2])
  if held then
    return held
  end
  local ids = redis.call('LPOP', stock, args[3])
  if not ids or #ids == 0 then
    return ''
  end
  held = table.concat(ids, ',')
  redis.call('HSET', claims, args[2], held)
  return held
end

local function settle(keys, args)
  settle_each(keys[3], keys[2], redis.call('HGET', keys[1], 'epoch'), args, 1)
  return 1
end

-- Decimal texts without sign or leading zeros.
local function higher(a, b)
  return #a > #b or (#a == #b and a > b)
end

-- args: epoch. Gives 1, or 0 where nothing happened.
local function reset(keys, args)
  local epoch = redis.call('HGET', keys[1], 'epoch')
  if epoch and not higher(args[1], epoch) then
    return 0
  end
  redis.call('UNLINK', keys[2], keys[3])
  redis.call('HSET', keys[1], 'epoch', args[1], 'loaded_to', '0', 'complete', '0')
  return 1
end

-- args: epoch, from, to, complete (1 or 0), then ids. Gives 1, or 0 where nothing happened.
local function load(keys, args)
  local now = redis.call('HMGET', keys[1], 'epoch', 'loaded_to')
  if now[1] ~= args[1] or now[2] ~= args[2] then
    return 0
  end
  for first = 5, #args, AT_ONCE do
    redis.call('RPUSH', keys[2], unpack(args, first, math.min(#args, first + AT_ONCE - 1)))
  end
  redis.call('HSET', keys[1], 'loaded_to', args[3])
  if args[4] == '1' then
    redis.call('HSET', keys[1], 'complete', '1')
  end
  return 1
end

-- Gives epoch, loaded_to, complete, how many are offered; an empty array where there is no bucket.
local function state(keys)
  local now = redis.call('HMGET', keys[1], 'epoch', 'loaded_to', 'complete')
  if not now[1] then
    return {}
  end
  return { now[1], now[2], now[3], redis.call('LLEN', keys[2]) }
end

-- args: milliseconds.
local function beat(keys, args)
  redis.call('SET', keys[1], '1', 'PX', args[1])
  return 1
end

local function register(name, callback, flags)
  redis.register_function { function_name = 'fulfil_v' .. VERSION .. '_' .. name, callback = callback, flags = flags }
end

-- What frees memory, or tells that a worker lives, works on a server that is out of it.
register('claim', claim, {})
register('settle', settle, { 'allow-oom' })
register('reset', reset, { 'allow-oom' })
register('load', load, {})
register('state', state, { 'no-writes' })
register('beat', beat, { 'allow-oom' })

-- Its name is the same in every version.
redis.register_function {
  function_name = 'fulfil_version',
  callback = function() return tonumber(VERSION) end,
  flags = { 'no-writes' },
}
