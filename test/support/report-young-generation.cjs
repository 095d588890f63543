// Loaded into the program with --require: prints the size of V8's young generation whenever it changes, in MiB. SIGUSR2
// makes V8 collect garbage, as V8 does itself when the process has been idle for a while.
const v8 = require("node:v8")
const vm = require("node:vm")

let last = 0
const look = () => {
  const { space_used_size: used, space_available_size: free } = v8
    .getHeapSpaceStatistics()
    .find((space) => space.space_name === "new_space")
  const size = Math.round((2 * (used + free)) / 1_048_576)
  if (size === last) return
  last = size
  process.stderr.write(`young=${size};\n`)
}

setInterval(look, 20).unref()

process.on("SIGUSR2", () => {
  v8.setFlagsFromString("--expose-gc")
  vm.runInNewContext("gc")()
})
