/** From numbers to positions on the screen. */

type Scale = (value: number) => number;

export function scale(from: [number, number], to: [number, number]): Scale {
  const width = from[1] - from[0] || 1;
  return (value) => to[0] + ((value - from[0]) / width) * (to[1] - to[0]);
}

/** Round values that divide a range into about `parts` parts. */
export function ticks(low: number, high: number, parts: number): number[] {
  const raw = (high - low) / parts;
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 2.5, 5, 10].find((size) => size * power >= raw - 1e-12) ?? 10);
  const values: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) {
    values.push(at * step || 0); // never -0, which would be written with a sign
  }
  return values;
}
