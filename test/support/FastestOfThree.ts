/**
 * Milliseconds of CPU time that the fastest of three runs takes. Other processes of a busy machine are not in it; V8's
 * own threads are, but seldom in all three.
 */
export const fastestOfThree = (run: () => void): number => {
  const once = () => {
    const start = process.cpuUsage()
    run()
    const { system, user } = process.cpuUsage(start)
    return (system + user) / 1_000
  }
  return Math.min(once(), once(), once())
}
