// Loaded into the server's process in front of it (`node --import`): answers each message from its parent with what only
// the process itself knows. It changes nothing in the server, and does not keep it alive.

/** Effect counts its fibers itself, in the registry that all its copies in a process share. */
const activeFibers = () => {
  for (const [key, value] of globalThis["effect/GlobalValue"] ?? []) {
    if (!String(key).includes("globalMetricRegistry")) continue
    const found = value.snapshot().find(({ metricKey }) => metricKey.name === "effect_fiber_active")
    if (found !== undefined) return Number(found.metricState.count)
  }
  return undefined
}

process.on("message", () => {
  const { external, heapUsed } = process.memoryUsage()
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
  process.send({
    heap: Math.round(heapUsed / 1024),
    external: Math.round(external / 1024),
    fibers: activeFibers(),
    timers
  })
})
process.channel.unref()
