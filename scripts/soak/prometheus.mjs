// A real Prometheus that scrapes the server during the soak, and the faults that it shows. Imported, not run.
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "../port.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Scrape interval, in milliseconds. */
const interval = 1_000

/** How long Prometheus may take to its first scrape, in milliseconds. */
const patience = 30_000

const config = (admin) => `
global: { scrape_interval: ${interval}ms, scrape_timeout: ${interval}ms }
scrape_configs: [{ job_name: a-chat, static_configs: [{ targets: ["127.0.0.1:${admin}"] }] }]
`

/** Counters that must never go back. */
const counters = ["pairs_accepted", "pairs_written", "lines_received", "lines_sent", "bytes_sent", "connections_opened"]

/** The final queries, over the last `seconds`. */
const questions = (seconds) => {
  const over = (metric) => `${metric}[${seconds}s]`
  return {
    scrapes: `count_over_time(${over("up")})`,
    up: `min_over_time(${over("up")})`,
    least: `min_over_time(${over("achat_pairs_unaccounted")})`,
    most: `max_over_time(${over("achat_pairs_unaccounted")})`,
    resets: counters.map((name) => `sum(resets(${over(`achat_${name}_total`)}))`).join(" + "),
    accepted: "achat_pairs_accepted_total",
    settled:
      "achat_pairs_written_total + achat_pairs_received_total + achat_pairs_returned_total + achat_pairs_dead_total",
    linesReceived: "achat_lines_received_total",
    linesSent: "achat_lines_sent_total",
    fastest: `max_over_time(rate(achat_pairs_accepted_total[5s])[${seconds}s:1s])`,
    series: `max_over_time(${over("scrape_samples_scraped")})`,
    scrapeP99: `quantile_over_time(0.99, ${over("scrape_duration_seconds")})`,
    loopP99: `histogram_quantile(0.99, rate(${over("nodejs_eventloop_delay_seconds_bucket")}))`,
    deliveryP99: `histogram_quantile(0.99, rate(${over("achat_delivery_seconds_bucket")}))`
  }
}

/** @param admin the port of the server's metrics */
export const start = async (admin) => {
  const folder = mkdtempSync(join(tmpdir(), "a-chat-prometheus-"))
  writeFileSync(join(folder, "prometheus.yml"), config(admin))
  const port = await freePort()
  const startedAt = performance.now()
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error"
    ],
    { stdio: "ignore" }
  )
  let ended
  child.once("error", (error) => (ended = error.message)).once("exit", (status) => (ended ??= `status ${status}`))
  const kill = () => {
    child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  }
  process.once("exit", kill)

  /** The value of an expression; undefined if it has none yet. */
  const ask = async (expression) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`)
    const { data, error } = await answer.json()
    if (error !== undefined) throw new Error(`Prometheus: ${error}: ${expression}`)
    return data.result[0] && Number(data.result[0].value[1])
  }
  for (;;) {
    if (ended !== undefined) throw new Error(`Prometheus did not start (${ended}); Debian has it in package prometheus`)
    if ((await ask("up").catch(() => undefined)) === 1) break
    if (performance.now() - startedAt > patience) throw new Error("Prometheus has not scraped the server")
    await sleep(100)
  }
  const scrapedAt = performance.now()

  return {
    /** The figures of the whole run, read after everything is at rest. */
    figures: async () => {
      await sleep(3 * interval)
      const seconds = Math.floor((performance.now() - scrapedAt) / 1000)
      const asked = Object.entries(questions(seconds))
      const answers = await Promise.all(asked.map(async ([name, question]) => [name, await ask(question)]))
      return { seconds, ...Object.fromEntries(answers) }
    },
    stop: () => {
      process.removeListener("exit", kill)
      kill()
    }
  }
}

/** What is wrong with the figures of Prometheus, one line for each fault. */
export const faultsOf = (seen, { ledger, totals }) => {
  const sent = totals.sent + totals.toNobody
  const checks = [
    [seen.up === 1, "some scrapes of the server failed"],
    [seen.scrapes >= 0.95 * seen.seconds, `Prometheus scraped ${seen.scrapes} times in ${seen.seconds} s`],
    [seen.least === 0 && seen.most === 0, `achat_pairs_unaccounted ranged from ${seen.least} to ${seen.most}`],
    [seen.resets === 0, `counters went back ${seen.resets} times`],
    [seen.accepted === ledger.accepted, `Prometheus has ${seen.accepted} accepted pairs, the log ${ledger.accepted}`],
    [seen.settled === seen.accepted, `Prometheus has ${seen.settled} settled pairs but ${seen.accepted} accepted ones`],
    // Lines that were on their way when a client broke off were sent but never accepted.
    [
      Math.abs(seen.accepted - sent) <= sent / 100,
      `Prometheus has ${seen.accepted} accepted pairs, but ${sent} were sent`
    ]
  ]
  return checks.filter(([isWell]) => !isWell).map(([, fault]) => fault)
}

const millis = (seconds) => `${(1000 * seconds).toFixed(1)} ms`

export const summary = (seen) => [
  `Prometheus: ${seen.scrapes} scrapes in ${seen.seconds} s of ${seen.series} series, p99 ` +
    `${millis(seen.scrapeP99)}; up at each: ${seen.up === 1}`,
  `  unaccounted ${seen.least} to ${seen.most}, ${seen.resets} resets, ${seen.accepted} pairs accepted, at most ` +
    `${seen.fastest.toFixed(0)} per second`,
  `  delay of the event loop p99 ${millis(seen.loopP99)}, delivery p99 ${millis(seen.deliveryP99)}`
]
