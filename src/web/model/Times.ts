/** Formats times and days in the time zone and the language of the browser. */

export interface TimeFormat {
  /** `20:04` */
  readonly time: (at: number) => string
  /** `Today`, `Yesterday`, `Monday 23 November` */
  readonly day: (at: number, now: number) => string
  /** A day and a time, for a title. */
  readonly full: (at: number) => string
}

/** The same for all times of one day. */
export const dayOf = (at: number): number => {
  const date = new Date(at)
  return date.getFullYear() * 10_000 + date.getMonth() * 100 + date.getDate()
}

/** @param locale of the numbers; the words are English, as everything else on the page */
export const make = (locale?: string): TimeFormat => {
  const hours = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
  const thisYear = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" })
  const otherYear = new Intl.DateTimeFormat("en-GB", {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric"
  })
  const long = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" })
  return {
    time: (at) => hours.format(at),
    day: (at, now) => {
      const yesterday = new Date(now)
      yesterday.setDate(yesterday.getDate() - 1)
      if (dayOf(at) === dayOf(now)) return "Today"
      if (dayOf(at) === dayOf(yesterday.getTime())) return "Yesterday"
      return (new Date(at).getFullYear() === new Date(now).getFullYear() ? thisYear : otherYear).format(at)
    },
    full: (at) => long.format(at)
  }
}
