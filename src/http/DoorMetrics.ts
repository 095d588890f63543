import * as Metric from "effect/Metric"

/** The metrics of the HTTP door, in Effect's registry. They exist only in a server that has one. */

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

const requests = counter("achat_http_requests_total", "Requests of the HTTP door, by path and status")

const streams = Metric.gauge("achat_http_streams", {
  description: "Streams of /listen, those included whose clients are about to come back"
})

const unheard = counter(
  "achat_http_unheard_total",
  "Requests that were carried out, but whose clients had gone before the response"
)

const series = new Map<string, typeof requests>()

const seriesOf = (path: string, status: number) => {
  const key = `${path} ${status}`
  let one = series.get(key)
  if (one === undefined) {
    one = Metric.tagged(Metric.tagged(requests, "path", path), "status", String(status))
    series.set(key, one)
  }
  return one
}

/** @param path the first part of the path, of which there are few; empty for one that does not exist */
export const answered = (path: string, status: number): void => seriesOf(path, status).unsafeUpdate(1, [])

export const unheardBy = (): void => unheard.unsafeUpdate(1, [])

export const publish = (openStreams: number): void => streams.unsafeUpdate(openStreams, [])

/** Creates the metrics with the value 0, and the series of the requests that are watched. */
export const createAll = (): void => {
  unheard.unsafeUpdate(0, [])
  publish(0)
  for (const status of [200, 401]) seriesOf("hook", status).unsafeUpdate(0, [])
}
