-- The states of a circuit breaker, as circuit.py has them, in one step of a Redis.
--
-- KEYS  the breaker, and its probes by the time when their places are free again
-- ARGV  what to do, now, the limits in circuit.py's order, milliseconds until all is forgotten, and
--       for enter     the name of the place that a probe would have
--       for leave     the era, the name of its place or '', and what came of it: failed, succeeded
--                     or unknown
--       for withdraw  the name of the place of who no longer wants it
-- Times are microseconds; now is '' for the time of this server.

local what, now = ARGV[1], tonumber(ARGV[2])
local failure_threshold, recovery, success_threshold = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local most_probes, patience, forget = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local found = redis.call('HMGET', KEYS[1], 'state', 'era', 'failures', 'successes', 'open_until')
local state = found[1] or 'closed'
local era = tonumber(found[2] or 0)
local failures, successes = tonumber(found[3] or 0), tonumber(found[4] or 0)
local open_until = tonumber(found[5] or 0)
local changed = false

local function change(to)
  -- An era is told from every one before, even if this key was forgotten in between.
  state, era, failures, successes, changed = to, math.max(era + 1, now), 0, 0, true
  redis.call('DEL', KEYS[2])
end

local function open(at)
  change('open')
  open_until = at + recovery
end

-- Where this server's clock was set back, nothing lasts longer than it would have.
if open_until > now + recovery then
  open_until, changed = now + recovery, true
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local first_end = tonumber(first[2] or now + patience)
if first_end > now + patience then
  first_end = now + patience
  redis.call('ZADD', KEYS[2], first_end, first[1])
end
if first_end <= now then
  open(first_end)
end

local let, wait, is_probe = 0, 0, 0
if what == 'enter' then
  if state == 'open' and now >= open_until then
    change('half_open')
  end
  if state == 'closed' then
    let = 1
  elseif state == 'open' then
    wait = open_until - now
  elseif redis.call('ZCARD', KEYS[2]) < most_probes then
    let, is_probe = 1, 1
    redis.call('ZADD', KEYS[2], now + patience, ARGV[9])
  else
    wait = math.min(first_end - now, 1000000)
  end
elseif what == 'withdraw' then
  redis.call('ZREM', KEYS[2], ARGV[9])
elseif what == 'leave' and tonumber(ARGV[9]) == era then
  redis.call('ZREM', KEYS[2], ARGV[10])
  local outcome = ARGV[11]
  if outcome == 'failed' and state == 'closed' then
    failures, changed = failures + 1, true
    if failures >= failure_threshold then
      open(now)
    end
  elseif outcome == 'failed' then
    open(now)
  elseif outcome == 'succeeded' and state == 'closed' then
    failures, changed = 0, true
  elseif outcome == 'succeeded' then
    successes, changed = successes + 1, true
    if successes >= success_threshold then
      change('closed')
    end
  end
end

if changed then
  redis.call('HSET', KEYS[1], 'state', state, 'era', era, 'failures', failures,
    'successes', successes, 'open_until', open_until)
end
redis.call('PEXPIRE', KEYS[1], forget)
redis.call('PEXPIRE', KEYS[2], forget)
local left = 0
if state == 'open' then
  left = math.max(open_until - now, 0)
end
-- Numbers as text: Redis would cut a double of this size to what its reply can hold.
return {let, is_probe, string.format('%.0f', era), string.format('%.0f', wait), state, failures,
  string.format('%.0f', left)}
