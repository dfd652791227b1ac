package enroll

import (
	"math"
	"time"
)

// A Poll says when a device calls by itself: first every First.Interval, First.Count times from the enrollment on, then
// Second, then Remaining. A set whose Interval is 0 is off; a Count of 0 with an Interval means forever, and the sets
// after it are off. Windows refuses a document in which all three counts are 0.
type Poll struct {
	First, Second, Remaining Retries
	OnLogin                  bool // at any user's sign-in
	AllUsersOnFirstLogin     bool // at each user's first sign-in
}

// Retries is one of the three sets of a [Poll]. Interval is in whole minutes.
type Retries struct {
	Interval time.Duration
	Count    int
}

// DefaultPoll is what Microsoft recommends: five calls in the first 75 minutes, ten in the next ten hours, then one a
// day, and at every sign-in.
func DefaultPoll() *Poll {
	return &Poll{
		First:     Retries{15 * time.Minute, 5},
		Second:    Retries{time.Hour, 10},
		Remaining: Retries{24 * time.Hour, 0},
		OnLogin:   true,
	}
}

// Next returns when the first call after the time after is due, on a device that enrolled at enrolled. Where no set goes
// on forever, a device calls once a day when the sets are over, and so does one with a nil Poll.
func (p *Poll) Next(enrolled, after time.Time) time.Time {
	const day = 24 * time.Hour
	var sets [3]Retries
	if p != nil {
		sets = [3]Retries{p.First, p.Second, p.Remaining}
	}
	start := enrolled
	forever := func(every time.Duration) time.Time {
		if after.Before(start) {
			return start.Add(every)
		}
		return start.Add((after.Sub(start)/every + 1) * every)
	}
	for _, s := range sets {
		switch {
		case s.Interval <= 0:
		case s.Count <= 0:
			return forever(s.Interval)
		default:
			end := start.Add(time.Duration(s.Count) * s.Interval)
			if after.Before(end) {
				return forever(s.Interval)
			}
			start = end
		}
	}
	return forever(day)
}

func (p *Poll) write(c *Characteristic, path string) error {
	if p.First.Count == 0 && p.Second.Count == 0 && p.Remaining.Count == 0 {
		return badProvisioning(CodeProvDMClient, path, "all three counts are 0, want at least one other")
	}
	for _, s := range p.sets() {
		minutes := int64(s.r.Interval / time.Minute)
		if s.r.Interval < 0 || s.r.Interval%time.Minute != 0 || minutes > math.MaxInt32 {
			return badProvisioning(CodeProvDMClient, path, "%s is %v, want whole minutes", s.interval, s.r.Interval)
		}
		if s.r.Count < 0 || int64(s.r.Count) > math.MaxInt32 {
			return badProvisioning(CodeProvDMClient, path, "%s is %d, want 0 or more", s.count, s.r.Count)
		}
		c.setInt(s.count, int64(s.r.Count))
		c.setInt(s.interval, minutes)
	}
	c.setBool("PollOnLogin", p.OnLogin)
	c.setBool("AllUsersPollOnFirstLogin", p.AllUsersOnFirstLogin)
	return nil
}

type pollSet struct {
	count, interval string
	r               *Retries
}

func (p *Poll) sets() [3]pollSet {
	return [3]pollSet{
		{"NumberOfFirstRetries", "IntervalForFirstSetOfRetries", &p.First},
		{"NumberOfSecondRetries", "IntervalForSecondSetOfRetries", &p.Second},
		{"NumberOfRemainingScheduledRetries", "IntervalForRemainingScheduledRetries", &p.Remaining},
	}
}

func readPoll(c *Characteristic, path string) (*Poll, error) {
	p := &Poll{OnLogin: isTrue(c.Value("PollOnLogin")), AllUsersOnFirstLogin: isTrue(c.Value("AllUsersPollOnFirstLogin"))}
	for _, s := range p.sets() {
		minutes, err := readInt(c, s.interval, 0, math.MaxInt32, path, CodeProvDMClient)
		if err != nil {
			return nil, err
		}
		if s.r.Count, err = readInt(c, s.count, 0, math.MaxInt32, path, CodeProvDMClient); err != nil {
			return nil, err
		}
		s.r.Interval = time.Duration(minutes) * time.Minute
	}
	if p.First.Count == 0 && p.Second.Count == 0 && p.Remaining.Count == 0 {
		return nil, badProvisioning(CodeProvDMClient, path, "all three counts are 0, want at least one other")
	}
	return p, nil
}
