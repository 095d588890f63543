import * as Duration from "effect/Duration"
import * as Record from "effect/Record"
import * as Struct from "effect/Struct"
import { limits, refusalSlots, type Limit, type Limits, type LimitValues } from "../../chat/Limits.js"
import type { ProcessDescriptors } from "../../transport/ProcessDescriptors.js"
import * as Setting from "../settings/Setting.js"
import type { Values } from "../settings/Sources.js"
import * as Units from "../settings/Units.js"

/** The limits of a server as settings: a flag for each row of `chat/Limits.ts`. */

const settingOf = (limit: Limit): Setting.Setting<number | boolean | Duration.Duration> => {
  switch (limit.kind) {
    case "count":
      return Setting.count(limit.name, limit)
    case "bytes":
      return Setting.bytes(limit.name, limit)
    case "duration":
      return Setting.duration(limit.name, limit)
    case "toggle":
      return Setting.toggle(limit.name, limit.about, limit.live)
  }
}

/** `Record.map` forgets which value belongs to which key. The kind of each row decides the type of its values. */
const all = Record.map(limits, settingOf) as {
  readonly [Name in keyof Limits]: Setting.Setting<LimitValues[Name]>
}

export const settings = {
  ...all,
  maxConnections: {
    ...all.maxConnections,
    default: undefined,
    defaultText: "what the descriptor limit (ulimit -n) leaves, less a sixteenth for refusing clients"
  } satisfies Setting.Setting<number | undefined>
}

export type GivenLimits = Values<typeof settings>

const keys = Struct.keys(limits)

/**
 * The limits among the values of all settings.
 *
 * @param maxConnections the number of connections that the descriptors allow
 */
export const limitsOf = (values: GivenLimits, maxConnections: number): LimitValues => ({
  ...Struct.pick(values, ...keys),
  maxConnections: Math.min(values.maxConnections ?? maxConnections, maxConnections)
})

/** The limits with these keys. */
export const pick = (values: LimitValues, some: ReadonlyArray<string>): Partial<LimitValues> =>
  Struct.pick(values, ...keys.filter((key) => some.includes(key)))

/** The conflict between limits that are valid on their own; undefined if there is none. */
export const conflict = ({ holdTimeout, stallTimeout }: Pick<GivenLimits, "holdTimeout" | "stallTimeout">) => {
  if (Duration.greaterThanOrEqualTo(stallTimeout, holdTimeout)) return undefined
  const [stall, hold] = [stallTimeout, holdTimeout].map(Units.showDuration)
  return `--stall-timeout: ${stall} is shorter than --hold-timeout, ${hold}`
}

/** Descriptors not available to connections: for listeners, probes, a file being read. */
const reservedDescriptors = 16

/** Connections other than those to the chat: the requested number, or 0 if the port is off. */
export interface OtherConnections {
  /** With HTTP, to `--web`. */
  readonly http: number
  /** To `--admin`. */
  readonly admin: number
  /** To `--control`. */
  readonly control: number
}

/** The largest part of the descriptors for each of them. */
const parts: OtherConnections = { http: 1 / 4, admin: 1 / 8, control: 1 / 8 }

/** The connections that the descriptors allow. */
export interface ConnectionCounts extends OtherConnections {
  /** To the chat, including those over WebSocket. */
  readonly chat: number
}

/**
 * The numbers of connections to serve: as requested, or else the maximum, but never more than the descriptors allow.
 * Beyond those, the operating system would close connections silently.
 *
 * @param wanted the number for the chat; undefined for as many as possible
 */
export const connections = (
  wanted: number | undefined,
  others: OtherConnections,
  descriptors: Pick<ProcessDescriptors, "limit" | "open">
): ConnectionCounts => {
  const left = descriptors.limit - descriptors.open - reservedDescriptors
  const allowed = (kind: keyof OtherConnections) => Math.min(others[kind], Math.max(1, Math.floor(left * parts[kind])))
  const [http, admin, control] = [allowed("http"), allowed("admin"), allowed("control")]
  const leftForChat = left - http - admin - control
  const most = leftForChat - refusalSlots(leftForChat)
  const chat = Math.max(limits.maxConnections.min, Math.min(wanted ?? limits.maxConnections.max, most))
  return { http, admin, control, chat }
}
