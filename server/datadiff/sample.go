package datadiff

import (
	"crypto/md5" //nolint:gosec // it spreads keys, and every database has it
	"encoding/hex"
	"math"
	"strconv"
)

// hashBits is how many bits of a MD5 are used: 15 hexadecimal digits, so that the
// number is positive in 64 bits.
const hashBits = 60

// ratio is the share of the keys to compare; 1 is all of them.
func (s Sampling) ratio(rows Pair) float64 {
	n := max(rows[Left], rows[Right])
	if !s.on() || n == 0 || n < s.Threshold {
		return 1
	}
	ratio := 1.0
	if s.Ratio > 0 {
		ratio = s.Ratio
	}
	if s.MaxRows > 0 {
		ratio = min(ratio, float64(s.MaxRows)/float64(n))
	}
	if s.Tolerance > 0 || s.Confidence > 0 {
		ratio = min(ratio, s.size()/float64(n))
	}
	return ratio
}

// size is how many rows without a difference rule out, at the confidence, that the
// share of differences exceeds the tolerance.
func (s Sampling) size() float64 {
	return math.Ceil(-math.Log(1-s.confidence()) / s.tolerance())
}

func (s Sampling) confidence() float64 {
	if s.Confidence > 0 {
		return s.Confidence / 100
	}
	return DefaultSamplingConfidence / 100
}

func (s Sampling) tolerance() float64 {
	if s.Tolerance > 0 {
		return s.Tolerance
	}
	return DefaultSamplingTolerance
}

// tooManyBadKeys says whether sampling is to be given up for the keys' sake.
func (s Sampling) tooManyBadKeys(k Keys) bool {
	return SamplingErrors && s.Tolerance > 0 &&
		share(sum(k.Nulls)+sum(k.Dupes)+sum(k.Exclusives), sum(k.TotalRows)) > s.Tolerance
}

// limit is the number that the hashes of chosen keys are below.
func limit(ratio float64) int64 { return int64(ratio * (1 << hashBits)) }

// HashTexts is what [Dialect.Md5] has every database calculate.
func HashTexts(into []byte, texts ...[]byte) (hash int64, buffer []byte) {
	into = into[:0]
	for _, text := range texts {
		if text == nil {
			into = append(into, 'n')
			continue
		}
		into = append(append(strconv.AppendInt(into, int64(len(text)), 10), ':'), text...)
	}
	digest := md5.Sum(into) //nolint:gosec // see above
	var digits [2 * md5.Size]byte
	hex.Encode(digits[:], digest[:])
	for _, c := range digits[:hashBits/4] {
		hash = hash<<4 | int64(c&15+c>>6*9)
	}
	return hash, into
}

// poissonBounds is the exact interval in which the mean of a Poisson process lies of
// which a number was seen.
func poissonBounds(seen int64, confidence float64) (low, high float64) {
	tail := (1 - confidence) / 2
	if seen > 0 {
		low = gammaQuantile(float64(seen), tail)
	}
	return low, gammaQuantile(float64(seen)+1, 1-tail)
}

// gammaQuantile is the x below which a gamma distribution of a shape has a share of
// its weight.
func gammaQuantile(shape, p float64) float64 {
	low, high := 0.0, shape+1
	for gammaBelow(shape, high) < p {
		high *= 2
	}
	for range 200 {
		x := (low + high) / 2
		if x == low || x == high {
			break
		}
		if gammaBelow(shape, x) < p {
			low = x
		} else {
			high = x
		}
	}
	return (low + high) / 2
}

// gammaBelow is the regularised lower incomplete gamma function: by its series where
// that converges fast, else by its continued fraction.
func gammaBelow(a, x float64) float64 {
	if x <= 0 {
		return 0
	}
	const epsilon = 1e-14
	steps := 1000 + int(10*math.Sqrt(a))
	logGamma, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(x) - x - logGamma)
	if x < a+1 {
		term := 1 / a
		total := term
		for n := 1; n <= steps && term > total*epsilon; n++ {
			term *= x / (a + float64(n))
			total += term
		}
		return total * front
	}
	const tiny = 1e-300
	b := x + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for n := 1; n <= steps; n++ {
		i := float64(n)
		an := -i * (i - a)
		b += 2
		if d = an*d + b; math.Abs(d) < tiny {
			d = tiny
		}
		if c = b + an/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		h *= d * c
		if math.Abs(d*c-1) < epsilon {
			break
		}
	}
	return 1 - front*h
}
