import { describe, expect, it } from "vitest";
import { COLOURS, shape } from "../src/marks";
import css from "../src/style.css?raw";

/** The colours of style.css, light and dark. */
const both = (name: string): [string, string] => {
  const match = css.match(new RegExp(`--${name}: light-dark\\((#\\w+), (#\\w+)\\)`));
  if (!match?.[1] || !match[2]) throw new Error(`no colour ${name}`);
  return [match[1], match[2]];
};

type Rgb = [number, number, number];
const linear = (hex: string): Rgb =>
  [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
const light = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(one: string, other: string): number {
  const [a, b] = [light(linear(one)) + 0.05, light(linear(other)) + 0.05];
  return Math.max(a, b) / Math.min(a, b);
}

/** The three kinds of colour blindness: Machado, Oliveira and Fernandes 2009, complete. */
const VISION: Record<string, number[]> = {
  all: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};

/** A colour in OKLab, where distance is visible difference. */
function toOklab(hex: string, by: number[]): Rgb {
  const rgb = linear(hex);
  const [r, g, b] = [0, 3, 6].map((row) =>
    Math.min(Math.max(rgb.reduce((sum, value, at) => sum + value * (by[row + at] ?? 0), 0), 0), 1),
  ) as Rgb;
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
  ];
}

describe("colours of interests", () => {
  const names = Array.from({ length: COLOURS }, (_, at) => `c${at}`);

  it("contrast with their number and with their card", () => {
    for (const name of names) {
      for (const theme of [0, 1] as const) {
        const colour = both(name)[theme];
        expect(contrast(colour, both("on-colour")[theme]), `${name} ${theme}`).toBeGreaterThan(4.5);
        for (const ground of ["card", "paper", "wash"]) {
          expect(contrast(colour, both(ground)[theme]), `${name} on ${ground}`).toBeGreaterThan(3);
        }
      }
    }
  });

  it("differ for every kind of colour vision, the first four", () => {
    for (const [kind, by] of Object.entries(VISION)) {
      for (const theme of [0, 1] as const) {
        for (let one = 0; one < 4; one++) {
          for (let other = 0; other < one; other++) {
            const a = toOklab(both(`c${one}`)[theme], by);
            const b = toOklab(both(`c${other}`)[theme], by);
            const distance = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
            expect(distance, `${kind} ${theme}: ${one} and ${other}`).toBeGreaterThan(0.05);
          }
        }
      }
    }
  });

  it("have different shapes", () => {
    expect(new Set(names.map((_, at) => shape(at))).size).toBe(COLOURS);
  });
});

describe("text", () => {
  it("contrasts with every background", () => {
    for (const theme of [0, 1] as const) {
      for (const text of ["ink", "soft", "alarm"]) {
        for (const ground of ["paper", "card", "wash", "raised"]) {
          const value = contrast(both(text)[theme], both(ground)[theme]);
          expect(value, `${text} on ${ground} ${theme}`).toBeGreaterThan(4.5);
        }
      }
    }
  });
});
