import * as Duration from "effect/Duration"

/** Formats and parses counts, sizes and times. */

/** `65,536` */
export const showCount = (value: number): string => String(value).replace(/\B(?=(?:\d{3})+$)/g, ",")

/** A whole number without separators. Undefined if the text is anything else. */
export const parseCount = (text: string): number | undefined => (/^\d{1,15}$/u.test(text) ? Number(text) : undefined)

const sizes: Readonly<Record<string, number>> = { "": 1, b: 1, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 }

/** `64 KiB` */
export const showBytes = (size: number): string => {
  const unit = (["GiB", "MiB", "KiB"] as const).find((name) => size % (sizes[name.toLowerCase()] ?? 1) === 0)
  return unit === undefined || size === 0 ? `${size} B` : `${size / (sizes[unit.toLowerCase()] ?? 1)} ${unit}`
}

/** `65536`, `64KiB`, `1 MiB`. Undefined if the text is anything else. */
export const parseBytes = (text: string): number | undefined => parseWithUnit(text, sizes)

const second = 1000

const times: Readonly<Record<string, number>> = {
  ms: 1,
  millis: 1,
  milliseconds: 1,
  s: second,
  second,
  seconds: second,
  m: 60 * second,
  minute: 60 * second,
  minutes: 60 * second,
  h: 3600 * second,
  hour: 3600 * second,
  hours: 3600 * second,
  d: 24 * 3600 * second,
  day: 24 * 3600 * second,
  days: 24 * 3600 * second
}

/** `10 s` */
export const showDuration = (time: Duration.Duration): string => {
  const millis = Duration.toMillis(time)
  const unit = (["d", "h", "m", "s"] as const).find((name) => millis % (times[name] ?? 1) === 0)
  return unit === undefined || millis === 0 ? `${millis} ms` : `${millis / (times[unit] ?? 1)} ${unit}`
}

/** `500ms`, `10s`, `2 seconds`, `1m`, `0`. Undefined if the text is anything else. */
export const parseDuration = (text: string): Duration.Duration | undefined => {
  const millis = text === "0" ? 0 : parseWithUnit(text, times)
  return millis === undefined ? undefined : Duration.millis(millis)
}

const numberAndUnit = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)$/iu

/** Also undefined if the value is not a whole number of the smallest unit. */
const parseWithUnit = (text: string, units: Readonly<Record<string, number>>): number | undefined => {
  const [, number, name = ""] = numberAndUnit.exec(text) ?? []
  const unit = Object.hasOwn(units, name.toLowerCase()) ? units[name.toLowerCase()] : undefined
  if (number === undefined || unit === undefined) return undefined
  const value = Number(number) * unit
  return Number.isSafeInteger(value) ? value : undefined
}
