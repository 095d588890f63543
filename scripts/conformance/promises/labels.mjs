export const labels = []
