import type { KeepingServerOptions } from "./KeepingServer.js"

type Command = NonNullable<KeepingServerOptions["command"]>

/** Lines of one page, at most. */
const pageLines = 3

/** Answers `/history` of a conversation with the lines from 1 to `last`, of bob, in pages of three. */
export const log =
  (last: number, name = "#ops"): Command =>
  (line, label) => {
    const value = (key: string) => Number(new RegExp(` ${key}=(\\d+)`, "u").exec(line)?.[1] ?? NaN)
    const all = Array.from({ length: last }, (_, index) => index + 1).filter(
      (seq) =>
        !(seq <= value("after")) && !(seq >= value("before")) && !(seq < value("since")) && !(seq >= value("until"))
    )
    const isForward = /after=|since=/u.test(line)
    const most = Math.min(pageLines, value("limit"))
    const page = isForward ? all.slice(0, most) : all.slice(-most)
    const more = page.length < all.length ? " more=yes" : ""
    return [
      ...page.map((seq) => `* past @${label} ${name} bob seq=${seq} at=${seq}: ${seq}`),
      `* end @${label} history ${name}${more}: x`
    ]
  }
