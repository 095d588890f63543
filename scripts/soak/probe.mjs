// Loaded into the server's process (`node --import`): answers each message from the parent process with figures that
// only the process itself knows. It does not change the server or keep it alive.

/** Effect counts its fibers in a registry that all its copies in a process share. */
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
