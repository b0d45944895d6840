// Go's net package: one goroutine for each connection. With -deadlines each read and write has one.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"
)

const (
	clients    = 100
	warmUp     = 100
	bufferSize = 64 * 1024
	timeout    = 5 * time.Second
)

type session struct {
	address     string
	size, count int
}

// timed is a connection that sets a deadline before each operation.
type timed struct{ net.Conn }

func (t timed) Read(buffer []byte) (int, error) {
	if err := t.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	return t.Conn.Read(buffer)
}

func (t timed) Write(bytes []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	return t.Conn.Write(bytes)
}

var deadlines = flag.Bool("deadlines", false, "set a deadline before each read and write")

func prepare(connection net.Conn) net.Conn {
	if *deadlines {
		return timed{connection}
	}
	return connection
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func connect(s session) net.Conn        { return prepare(must(net.Dial("unix", s.address))) }
func accept(l net.Listener) net.Conn    { return prepare(must(l.Accept())) }
func receive(c io.Reader, bytes []byte) { must(io.ReadFull(c, bytes)) }
func send(c io.Writer, bytes []byte)    { must(c.Write(bytes)) }

func report(fields map[string]int64) { check(json.NewEncoder(os.Stdout).Encode(fields)) }

func reportTotal(start time.Time, operations int) {
	report(map[string]int64{"nanoseconds": time.Since(start).Nanoseconds(), "operations": int64(operations)})
}

func echo(c net.Conn, size int) {
	defer c.Close()
	buffer := make([]byte, size)
	for {
		if _, err := io.ReadFull(c, buffer); err == io.EOF {
			return
		} else {
			check(err)
		}
		send(c, buffer)
	}
}

func driveEcho(s session) {
	c := connect(s)
	defer c.Close()
	buffer := make([]byte, s.size)
	trips := make([]int64, 0, s.count)
	var sum int64
	last := time.Now()
	for i := 0; i < warmUp+s.count; i++ {
		send(c, buffer)
		receive(c, buffer)
		now := time.Now()
		if i >= warmUp {
			trips = append(trips, now.Sub(last).Nanoseconds())
			sum += trips[len(trips)-1]
		}
		last = now
	}
	sort.Slice(trips, func(i, j int) bool { return trips[i] < trips[j] })
	report(map[string]int64{"nanoseconds": sum, "operations": int64(s.count), "p50": trips[s.count*50/100],
		"p99": trips[s.count*99/100]})
}

func serveStream(l net.Listener, s session) {
	c := accept(l)
	defer c.Close()
	buffer := make([]byte, s.size)
	for left := s.size * s.count; left > 0; {
		left -= must(c.Read(buffer))
	}
	send(c, buffer[:1])
}

func driveStream(s session) {
	c := connect(s)
	defer c.Close()
	buffer := make([]byte, s.size)
	start := time.Now()
	for i := 0; i < s.count; i++ {
		send(c, buffer)
	}
	receive(c, buffer[:1])
	reportTotal(start, s.count)
}

func driveConnect(s session) {
	buffer := make([]byte, 1)
	start := time.Now()
	for i := 0; i < s.count; i++ {
		c := connect(s)
		if _, err := c.Read(buffer); err != io.EOF {
			check(fmt.Errorf("not the end of the stream: %v", err))
		}
		c.Close()
	}
	reportTotal(start, s.count)
}

func serveMessages(l net.Listener, s session) {
	c := accept(l)
	defer c.Close()
	reader := bufio.NewReaderSize(c, bufferSize)
	message := make([]byte, 256)
	var sum byte
	for i := 0; i < s.count; i++ {
		size := must(reader.ReadByte())
		receive(reader, message[:size])
		sum += message[0]
	}
	send(c, []byte{1, sum})
}

func driveMessages(s session) {
	c := connect(s)
	defer c.Close()
	writer := bufio.NewWriterSize(c, bufferSize)
	message := make([]byte, s.size)
	message[0] = 1
	start := time.Now()
	for i := 0; i < s.count; i++ {
		check(writer.WriteByte(byte(s.size)))
		send(writer, message)
	}
	check(writer.Flush())
	answer := make([]byte, 2)
	receive(c, answer)
	if answer[1] != byte(s.count) {
		check(fmt.Errorf("not every message arrived"))
	}
	reportTotal(start, s.count)
}

func serve(workload string, s session) {
	l := must(net.Listen("unix", s.address))
	defer l.Close()
	fmt.Println("ready")
	switch workload {
	case "echo":
		echo(accept(l), s.size)
	case "stream":
		serveStream(l, s)
	case "connect":
		for i := 0; i < s.count; i++ {
			check(accept(l).Close())
		}
	case "messages":
		serveMessages(l, s)
	case "clients":
		var group sync.WaitGroup
		for i := 0; i < clients; i++ {
			c := accept(l)
			group.Add(1)
			go func() {
				defer group.Done()
				echo(c, s.size)
			}()
		}
		group.Wait()
	case "idle":
		for {
			go echo(accept(l), s.size)
		}
	}
}

func drive(workload string, s session) {
	map[string]func(session){"echo": driveEcho, "stream": driveStream, "connect": driveConnect,
		"messages": driveMessages}[workload](s)
}

func main() {
	flag.Parse()
	s := session{flag.Arg(2), must(strconv.Atoi(flag.Arg(3))), must(strconv.Atoi(flag.Arg(4)))}
	if flag.Arg(0) == "serve" {
		serve(flag.Arg(1), s)
	} else {
		drive(flag.Arg(1), s)
	}
}
