// One measurement: a server process and a generator process. Imported, not run.
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { spawnOn, start } from "./servers.mjs"

const program = fileURLToPath(new URL("generator.mjs", import.meta.url))

/** Puts the load of a row on a server that runs: a generator that prints one line of JSON. */
export const load = async (server, { pid, place }, row, isQuick) => {
  const args = [program, "--protocol", server.protocol, "--load", row.id, ...(isQuick ? ["--quick"] : [])]
  // A browser has several processes. The server does little meanwhile.
  const generator = spawnOn(
    row.kind === "page" ? "0,1" : 1,
    process.execPath,
    [...args, "--at", String(place), "--pid", String(pid)],
    {
      stdio: ["ignore", "pipe", "inherit"]
    }
  )
  let output = ""
  generator.stdout.setEncoding("utf8").on("data", (chunk) => (output += chunk))
  const timer = setTimeout(() => generator.kill(), 180_000)
  await once(generator, "close")
  clearTimeout(timer)
  const result = output === "" ? { ok: false, failure: "the generator crashed" } : JSON.parse(output)
  if (!result.ok) throw new Error(`${row.id} on ${server.name}: ${result.failure}`)
  return result
}

/** One run on a new server. */
export const measure = async (server, row, isQuick) => {
  const running = await start(server, row)
  const result = await load(server, running, row, isQuick)
  await running.stop()
  return result
}
