import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import * as Escape from "../../client/Escape.js"
import { print, readerGone } from "../../client/Output.js"
import * as Query from "../../client/Query.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"

export const settings = {
  ...ConnectFlags.settings,
  count: Setting.count("count", { about: "Pings to send", default: 4, min: 1, max: 1_000_000 }),
  interval: Setting.duration("interval", {
    about: "Time from one ping to the next",
    default: Duration.seconds(1),
    min: Duration.zero,
    max: Duration.hours(1)
  }),
  timeout: ConnectFlags.replyTimeout,
  json: Setting.toggle("json", `Print {"seq","ms"} for each ping, and {"sent","answered","min","median","max"}`)
}

export const command = ConnectFlags.command(settings, (given) =>
  Effect.gen(function* () {
    const { count, interval, timeout } = given.values
    const pinger = yield* Query.pinger({ socket: ConnectFlags.socket(given), timeout })
    const report = given.values.json ? json : text
    const times: Array<number> = []
    let sent = 0

    const one = Effect.gen(function* () {
      const time = yield* Effect.either(pinger.ping)
      sent += 1
      if (Either.isRight(time)) times.push(time.right)
      // Probably an original server, which would not reply to further pings either.
      else if (times.length === 0 || time.left._tag !== "NoAnswer") return yield* Effect.fail(time.left)
      yield* print(process.stdout, report.one(pinger.remote, sent, Either.getOrUndefined(time)))
    })
    const finish = Effect.sync(() => {
      const all = Query.summary(sent, times)
      process.exitCode = all.answered === sent && sent > 0 ? 0 : ExitStatus.failed
      process.stdout.write(report.all(all))
    })
    const series = one.pipe(
      Effect.repeat(Schedule.intersect(Schedule.recurs(count - 1), Schedule.fixed(interval))),
      Effect.catchAll((error) =>
        times.length === 0
          ? Effect.fail(error)
          : Effect.sync(() => {
              ExitStatus.say(Escape.show(error.message))
            })
      ),
      Effect.zipRight(finish)
    )
    yield* Effect.raceFirst(readerGone(process.stdout), series).pipe(Effect.onInterrupt(() => finish))
  }).pipe(Effect.scoped, ConnectFlags.orFailure)
)

interface Report {
  /** @param millis undefined if no reply arrived in time */
  readonly one: (remote: string, number: number, millis: number | undefined) => string
  readonly all: (summary: Query.PingSummary) => string
}

const text: Report = {
  one: (remote, number, millis) => `${remote}: seq=${number} ${millis === undefined ? "no answer" : ms(millis)}\n`,
  all: ({ answered, sent, times }) => {
    const figures = times === undefined ? [] : [times.min, times.median, times.max].map((time) => time.toFixed(2))
    const spread = times === undefined ? "" : `; min/median/max = ${figures.join("/")} ms`
    return `${sent} sent, ${answered} answered${spread}\n`
  }
}

const ms = (millis: number) => `${millis.toFixed(2)} ms`

const json: Report = {
  one: (_, seq, millis) => `${JSON.stringify({ seq, ms: millis === undefined ? null : round(millis) })}\n`,
  all: ({ answered, sent, times }) => {
    const { max, median, min } = times ?? { min: null, median: null, max: null }
    return `${JSON.stringify({ sent, answered, min: round(min), median: round(median), max: round(max) })}\n`
  }
}

/** To microseconds. */
const round = (millis: number | null) => (millis === null ? null : Math.round(millis * 1000) / 1000)
